"""The measures of an evaluation: what each one needs comes in as values, and what it finds is a figure with its n, its
interval and its seed. Definitions and what they can tell: docs/evaluation.md."""
