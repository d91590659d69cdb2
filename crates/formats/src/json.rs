//! The elements of a JSON document, one at a time: a list, lines, or one object, in constant memory.
