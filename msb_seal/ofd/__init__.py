"""OFD (GB/T 33190-2016): the container, its pages, and the seals on them."""
