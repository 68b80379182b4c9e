"""Nothing: a country's node is a courier and a vault, and runs no program that was shipped to it."""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
@app.query()
def refuse(message: Message, context: Context) -> Message:  # noqa: ARG001
    """Raise: this program was started by Flower's own SuperNode."""
    raise RuntimeError("Flower's SuperNode is not served; start `gotong node` in its place (docs/operate.md)")
