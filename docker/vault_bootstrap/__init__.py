"""Makes a Vault ready for the platform: see docs/docker.md, and main.py for the order of steps."""
