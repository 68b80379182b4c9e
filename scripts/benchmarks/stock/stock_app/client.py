"""One epoch of a linear model on 64 random rows."""

import torch
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:  # noqa: ARG001
    """The trained weights and how many rows they rest on."""
    arrays = message.content["arrays"]
    weight, bias = (torch.tensor(arrays[name].numpy(), requires_grad=True) for name in ("w", "b"))
    rows, target = torch.randn(64, 8), torch.randn(64, 1)
    torch.nn.functional.mse_loss(rows @ weight + bias, target).backward()
    trained = {name: Array((value - 0.1 * value.grad).detach().numpy()) for name, value in (("w", weight), ("b", bias))}
    content = {"arrays": ArrayRecord(trained), "metrics": MetricRecord({"num-examples": 64})}
    return Message(RecordDict(content), reply_to=message)
