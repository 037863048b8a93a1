"""The exchange as a pure function of its commands: no clock, no chance, no wire, no framework."""
