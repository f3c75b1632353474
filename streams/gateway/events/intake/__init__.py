"""Events that are posted: how a request is cut, each event checked, written and answered; other formats."""
