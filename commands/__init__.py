"""What is typed: `python app.py ...`. One module per noun; app.py says how to build a Circle."""
