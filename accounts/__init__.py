"""Users, their accounts and keys, and the money which the engine says they hold."""
