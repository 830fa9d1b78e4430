"""The command `preflight`: its options, and what it does with them."""
