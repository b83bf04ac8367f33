"""What can be pressed, scanned or texted, and which dialog it opens."""
