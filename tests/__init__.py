"""The tests, flat: `test_<package>_<module>.py`. A name is a claim."""
