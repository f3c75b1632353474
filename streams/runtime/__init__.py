"""What every process needs: settings, clock, tasks, retries, deadlines, telemetry."""
