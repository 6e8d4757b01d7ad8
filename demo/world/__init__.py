"""The seeded generator of the demo world: ``python -m demo.world --out DIR --seed 7``."""
