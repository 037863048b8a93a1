"""How everything outside the engine reaches it: one submit, one codec, one feed."""
