"""Stand-ins for WeChat, Twilio and BOSS: one process that speaks their real wire protocols."""
