"""Side-by-side benchmarks: each is a command that measures both sides in one run and prints one JSON object."""
