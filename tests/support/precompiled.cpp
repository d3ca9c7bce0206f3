// The unit that the precompiled header of all tests is built with.
