"""Other systems that we call: one small typed client each, and one tree of errors."""
