"""The window: what others see, and what stands behind you."""
