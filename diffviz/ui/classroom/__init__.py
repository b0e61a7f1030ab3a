"""The classroom for its host: the page that opens a room and asks, and the bar on the lessons while a room is open."""
