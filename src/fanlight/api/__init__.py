"""HTTP: routes, WHEP, events, tickets, problem details. Thin."""
