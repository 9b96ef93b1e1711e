"""The life of seals."""
