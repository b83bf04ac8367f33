"""The SMS channel: replies read, texts cut into segments, gateways behind one port."""
