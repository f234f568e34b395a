"""AWS over warm connections, with as little around it as one call needs: a post to a player must cost little."""
