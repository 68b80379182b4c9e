"""A program that a coordinator ships. No node fetches it: a test looks for this file."""

from flwr.clientapp import ClientApp

app = ClientApp()
