"""What a user of the package kafka-connect-py does with a worker, from a connector's creation to its end.

    client.py URL NAME FILE     FILE holds the connector's configuration

Each answer is a line of JSON on stdout, for client.rs to compare.
"""

import json
import sys
import time

import requests
from kafka_connect import KafkaConnect

URL, NAME, FILE = sys.argv[1:]
CLASS = "io.debezium.connector.postgresql.PostgresConnector"
LIMIT = 120  # seconds that anything may take on a busy machine


def tell(what, value):
    print(json.dumps([what, value], sort_keys=True))


def ask(call, *words, **options):
    """Again while the group divides its work anew, as the client's callers have to."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            return call(*words, **options)
        except requests.HTTPError as error:
            if error.response.status_code != 409 or time.monotonic() > end:
                raise
            time.sleep(0.2)


def refusal(call, *words):
    try:
        ask(call, *words)
    except requests.HTTPError as error:
        return [error.response.status_code, error.response.json()]
    return "not refused"


def wait(state, tasks):
    end = time.monotonic() + LIMIT
    while True:
        try:
            status = client.get_connector_status(NAME)
        except requests.HTTPError:  # none yet
            status = {"connector": {"state": None}, "tasks": []}
        states = [status["connector"]["state"]] + [task["state"] for task in status["tasks"]]
        if states == [state] * (1 + tasks):
            return status
        assert time.monotonic() < end, status
        time.sleep(0.2)


client = KafkaConnect(URL)
with open(FILE) as file:
    config = json.load(file)

tell("info", client.get_cluster_info()["version"])
tell("plugins", [plugin for plugin in client.list_connector_plugins() if plugin["class"] == CLASS])
validated = client.validate_connector_config(CLASS, config | {"name": NAME, "tasks.max": "none"})
values = [entry["value"] for entry in validated["configs"] if entry["value"]]
tell("validate", [[value["name"], value["errors"]] for value in values if value["errors"]])
tell("unknown", refusal(client.get_connector_status, "nobody"))
ask(client.create_connector, {"name": NAME, "config": config})
tell("running", wait("RUNNING", 1))
tell("connector", client.get_connector(NAME))
tell("config", client.get_connector_config(NAME))
tell("tasks", client.list_connector_tasks(NAME))
tell("task", client.get_connector_task_status(NAME, 0))
tell("listed", NAME in client.list_connectors())
for expand in ["status", "info"]:
    tell(expand, client.list_connectors(expand=expand, pattern=NAME)[NAME])
tell("by state", client.list_connectors(pattern=NAME, state="RUNNING"))

ask(client.pause_connector, NAME)
tell("paused", wait("PAUSED", 1))
ask(client.resume_connector, NAME)
wait("RUNNING", 1)
# before anything restarts: a Java worker shows what it showed for a while after the answer
tell("only failed", ask(client.restart_connector, NAME, include_tasks=True, only_failed=True))
ask(client.restart_connector, NAME)
wait("RUNNING", 1)
tell("restart", ask(client.restart_connector, NAME, include_tasks=True))
wait("RUNNING", 1)
ask(client.restart_connector_task, NAME, 0)
wait("RUNNING", 1)
tell("no task", refusal(client.restart_connector_task, NAME, 7))
tell("updated", ask(client.update_connector, NAME, config | {"poll.interval.ms": "100"})["config"]["poll.interval.ms"])
wait("RUNNING", 1)

topic = config["topic.prefix"] + ".public.items"
end = time.monotonic() + LIMIT
while client.list_connector_topics(NAME) != {NAME: {"topics": [topic]}}:
    assert time.monotonic() < end, client.list_connector_topics(NAME)
    time.sleep(0.2)
ask(client.stop_connector, NAME)
tell("stopped", wait("STOPPED", 0))
ask(client.reset_connector_topics, NAME)
while client.list_connector_topics(NAME) != {NAME: {"topics": []}}:
    assert time.monotonic() < end, client.list_connector_topics(NAME)
    time.sleep(0.2)
ask(client.delete_connector, NAME)
tell("gone", refusal(client.get_connector, NAME))
