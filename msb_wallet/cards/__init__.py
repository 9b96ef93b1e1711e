"""The holder's side: the card pack (卡包)."""
