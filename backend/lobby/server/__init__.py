"""`lobby serve`: one process that holds the connections, the presences and the windows of all rooms."""
