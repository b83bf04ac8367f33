"""The sender: holds binds to carriers, sends what is owed as SMS over them, hears what comes."""
