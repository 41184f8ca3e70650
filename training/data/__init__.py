"""Sets of pictures and masks: read, divided, downloaded."""
