"""From runs and a form to its parameters: grid, damped Newton, robust scale. One road for every form."""
