"""On the coordinator: start what is installed there."""

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """One run, by the name under which it was submitted."""
    from federation.deployment.coordinator import run

    run.main(grid, str(context.run_config["run"]))
