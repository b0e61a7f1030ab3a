"""The parts of each lesson, one module a page; what is long has a module of its own."""
