"""Models on the Hub, which is here a server of a few lines on loopback."""

import base64
import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import genjax
from genjax.cli import main
from genjax.model import to_json
from tests.helpers import same, small

huggingface_hub = pytest.importorskip("huggingface_hub")
constants = pytest.importorskip("huggingface_hub.constants")

TOKEN = "hf_a-secret-of-the-user"
COMMIT = "0123456789" * 4


class Hub(BaseHTTPRequestHandler):
    """The part of the Hub's interface that makes repositories, takes commits and gives files."""

    files: dict[str, bytes]
    asked: list[str]
    allowed = True

    def log_message(self, *_):
        pass

    def answer(self, status, content=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(content), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(f"{self.path} {self.headers['Authorization']}")
        if not self.allowed:
            return self.answer(403, b"{}")
        if self.path == "/api/repos/create":
            found = {"url": f"http://{self.headers['Host']}/me/vae"}
        elif "/preupload/" in self.path:
            paths = [file["path"] for file in json.loads(content)["files"]]
            said = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            found = {"files": [{"path": path, **said} for path in paths]}
        elif "/commit/" in self.path:
            for line in map(json.loads, content.splitlines()):
                if line["key"] == "file":
                    value = line["value"]
                    self.files[value["path"]] = base64.b64decode(value["content"])
            url = f"http://{self.headers['Host']}/me/vae/commit/{COMMIT}"
            found = {"commitUrl": url, "commitOid": COMMIT}
        else:
            found = {}
        return self.answer(200, json.dumps(found).encode(), Content_Type="application/json")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.asked.append(self.path)
        content = self.files.get(self.path.rpartition("/")[2])
        if not self.path.startswith("/me/vae/") or content is None:
            code = "EntryNotFound" if self.path.startswith("/me/") else "RepoNotFound"
            return self.answer(404, X_Error_Code=code)
        digest = hashlib.sha256(content).hexdigest()
        return self.answer(200, content, ETag=f'"{digest}"', X_Repo_Commit=COMMIT)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    handler = type("Handler", (Hub,), {"files": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def params():
    return small("vae", network="mlp", image_shape=(8, 8, 1), latent_dim=2).init(0)


@pytest.fixture(scope="module")
def run(params, tmp_path_factory):
    """A run's folder, as far as a card reads it, with the weights of `params` as its best."""
    folder = tmp_path_factory.mktemp("run")
    data = {"name": "blobs", "num_images": 40, "checksum": "abc", "path": "/home/somebody/blobs"}
    config = {"model": to_json(params.model), "training": {"epochs": 3}, "dataset": data}
    (folder / "config.json").write_text(json.dumps(config))
    result = {
        "nll": 86.5,
        "nll_sem": 0.2,
        "command": "genjax train --out /home/somebody/run",
        "environment": {"processor": "abacus", "commit": "1234567"},
        "record": {
            "dataset": {"num_images": 40, "images": "all"},
            "num_samples": 5,
            "nll": "bound",
        },
    }
    (folder / "result.json").write_text(json.dumps(result))
    genjax.save(folder / "best.npz", params)
    return folder


def test_a_run_is_pushed_and_loaded(hub, run, params, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main.main(["push", str(run), "me/vae", "--license", "cc-by-4.0"]) == 0
    assert capsys.readouterr().out.strip() == "hf://me/vae"
    assert {*hub.files} == {"README.md", "model.safetensors", "samples.png"}
    assert hub.files["samples.png"].startswith(b"\x89PNG")
    card = hub.files["README.md"].decode()
    assert card.startswith("---\nlicense: cc-by-4.0\nlibrary_name: genjax\n")
    for part in ("86.5 ± 0.2", "all 40 test images", "abacus", "1234567", "hf://me/vae", "| 3 |"):
        assert part in card, part
    assert "/home/somebody" not in card
    assert same(genjax.load("hf://me/vae"), params)
    assert main.main(["sample", "hf://me/vae", "--num", "2", "--out", "samples.npy"]) == 0


def test_parameters_alone_can_be_pushed(hub, params):
    assert genjax.push(params, "me/vae") == "hf://me/vae"
    assert "## Metrics" not in hub.files["README.md"].decode()
    assert same(genjax.load_best("hf://me/vae@main"), params)


def test_the_token_is_sent_and_nowhere_else(hub, params, capsys, monkeypatch, tmp_path):
    genjax.push(params, "me/vae")
    assert any(f"/api/repos/create Bearer {TOKEN}" in line for line in hub.asked)
    assert not any(TOKEN.encode() in content for content in hub.files.values())
    hub.allowed = False
    with pytest.raises(genjax.UserError, match="access is refused") as caught:
        genjax.push(params, "me/vae")
    printed = capsys.readouterr()
    assert TOKEN not in str(caught.value) + printed.out + printed.err
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in path.read_bytes() for path in kept)


def test_mistakes_are_said(hub, params, monkeypatch):
    with pytest.raises(genjax.UserError, match="no such repository"):
        genjax.load("hf://you/nothing")
    with pytest.raises(genjax.UserError, match=r"has no model\.safetensors"):
        genjax.load("hf://me/vae")
    with pytest.raises(genjax.UserError, match="is no address on the Hub"):
        genjax.load("hf://vae")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(genjax.UserError, match="there is no token: run `hf auth login`"):
        genjax.push(params, "me/vae")


def test_without_network_a_sentence_says_so(params, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # so that it does not try again
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(genjax.UserError, match="cannot be reached"):
        genjax.load("hf://me/vae")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(genjax.UserError, match=r"pip install 'genjax-vae-gan\[hub\]'"):
        genjax.load("hf://me/vae")
