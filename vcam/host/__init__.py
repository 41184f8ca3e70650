"""The machine that it runs on: facts, doctor, setup."""
