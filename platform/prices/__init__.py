"""Index prices: where they come from, which are refused, and how they reach the engine."""
