#!/usr/bin/python3
"""Records which hosts ansible-core selects for each pattern in test/inventory/patterns/hosts.json, in its order.

Needs ansible-core (Debian: apt-get install ansible-core).
"""
import json
import os
import pathlib

root = pathlib.Path(__file__).resolve().parent.parent
os.environ["ANSIBLE_CONFIG"] = str(root / "test/inventory/fixtures/ansible.cfg")

from ansible.inventory.manager import InventoryManager  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402

folder = root / "test/inventory/patterns"
record = folder / "hosts.json"
inventory = InventoryManager(loader=DataLoader(), sources=[str(folder / "inventory.yml")])
patterns = json.loads(record.read_text())
lines = [
    f"  {json.dumps(pattern)}: {json.dumps([host.name for host in inventory.list_hosts(pattern)])}"
    for pattern in patterns
]
record.write_text("{\n" + ",\n".join(lines) + "\n}\n")
