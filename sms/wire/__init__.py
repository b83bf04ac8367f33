"""Long-lived binds to a carrier's SMSC: SMPP 3.4 and CMPP 2.0/3.0 behind one link."""
