"""What every Faust consumer group needs: app, agents, ownership, lanes, watchdog, lifecycle."""
