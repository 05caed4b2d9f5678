"""The page of trained models: its programs, its files, and itself in a real browser."""

import base64
import dataclasses
import json
import re
import shutil
import time
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.cli import main
from genjax.errors import MissingCapability, UserError
from genjax.model import LatentModel, Params
from genjax.recipes import trained
from genjax.runs import run_folder
from genjax.sharing import publish_page
from genjax.sharing.publish_decoder import write_program
from genjax.sharing.publish_directions import find_directions
from genjax.training.configuration import Training
from tests.helpers import blobs, open_browser, small

LATENTS = {"latent_dim": 3, "image_shape": (8, 8, 1)}
# each decoder computes something that the others do not: convolutions, a loop, look-ups, classes
DECODED = ["vae", "dcgan", "flow_matching", "vq_vae", "r3gan", "conditional_vae"]


def make_model(name):
    fields = {"network": "conv"} if name == "vae" else {}
    classes = {"num_classes": 3} if name in ("r3gan", "conditional_vae") else {}
    return small(name, **LATENTS | fields | classes).init(0)


@pytest.fixture(scope="module")
def pair():
    return {"a VAE": make_model("vae"), "a GAN of classes": make_model("r3gan")}


@pytest.fixture(scope="module")
def page(pair, tmp_path_factory):
    """The folder of a page of two models, one of which encodes images."""
    folder = tmp_path_factory.mktemp("page") / "new"
    index = genjax.publish(pair, folder, {"a VAE": blobs(30)})
    assert index == folder / "index.html"
    return folder


def read_model(page, number):
    text = (page / f"model-{number}.js").read_text()
    return json.loads(text[text.index(".push(") + 6 : text.rindex(")")])


def unpack(text):
    return np.frombuffer(base64.b64decode(text), np.float32)


def test_the_folder_is_whole_and_asks_nobody_else(page):
    names = {path.name for path in page.iterdir()}
    assert names == {
        "index.html", "page.css", "page.js", "runtime.js", "model-1.js", "model-2.js",
    }  # fmt: skip
    index = (page / "index.html").read_text()
    asked = re.findall(r'(?:src|href)="([^"]+)"', index)
    assert set(asked) == (names | {"data:,"}) - {"index.html"}
    assert 'type="module"' not in index  # which a browser does not read from a file
    for name in ("index.html", "page.css", "page.js", "runtime.js"):
        text = (page / name).read_text()
        assert not re.search(r"\bfetch\(|XMLHttpRequest|@import|url\(|https?://(?!www\.w3)", text)
    assert "<math" in index  # what both minimise
    assert "<h3>a GAN of classes</h3>" in index


def test_only_what_the_decoder_needs_is_in_the_page(pair, page):
    weights = pair["a VAE"].weights
    size = sum(leaf.size for leaf in jax.tree.leaves(weights["decoder"]))
    constants = unpack(read_model(page, 1)["weights"])
    assert size <= constants.size < size + 100


def test_a_program_of_weights_alone_runs_once():
    def compute(weights, x):
        return jnp.tanh(jnp.exp(weights).T) @ x

    program, _ = write_program(
        compute, np.ones((3, 2), np.float32), {"x": jax.ShapeDtypeStruct((3,), np.float32)}
    )
    assert [step["kind"] for step in program["each"]] == ["multiply"]
    assert [step["f"] for step in program["once"] if step["kind"] == "map"] == ["exp", "tanh"]


def test_an_operation_that_a_page_does_not_know_is_named():
    row = {"x": jax.ShapeDtypeStruct((3,), np.float32)}
    with pytest.raises(UserError, match=r"it computes 'sort', which a page does not know"):
        write_program(lambda weights, x: jnp.sort(x), np.float32(1), row)


def test_latents_of_an_encoder_are_ordered_by_their_rate(pair, page):
    use = genjax.latent_use(pair["a VAE"], blobs(30).images, jax.random.key(0))
    model = read_model(page, 1)
    assert model["names"] == [f"z[{d}]" for d in use.order.tolist()]
    rows = unpack(model["rows"]).reshape(3, 3)
    np.testing.assert_array_equal(rows, np.eye(3)[np.asarray(use.order)])
    codes = genjax.encode(pair["a VAE"], blobs(30).images)
    np.testing.assert_allclose(unpack(model["codes"]).reshape(-1, 3), codes, atol=1e-6)
    assert model["codeLabels"] == blobs(30).labels.tolist()


@pytest.mark.usefixtures("registries")
def test_directions_of_a_decoder_alone_are_those_in_which_images_change_most():
    """Of a linear decoder x = S M z, with M orthogonal, they are the rows of M."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0].astype(np.float32)
    scales = np.array([0.1, 0.4, 0.3, 0.2], np.float32)

    @genjax.register("linear-decoder")
    @dataclasses.dataclass(frozen=True)
    class Linear(LatentModel):
        def decode(self, params, z):
            return (z[:, :4] @ turn.T * scales).reshape(-1, 2, 2, 1)

    found = find_directions(Params({}, {}, Linear(latent_dim=4, image_shape=(2, 2, 1))))
    order = [1, 2, 3, 0]
    np.testing.assert_allclose(np.abs(found.rows @ turn[order].T), np.eye(4), atol=1e-3)
    np.testing.assert_allclose(found.shares, (scales[order] / 0.4) ** 2, rtol=1e-3)
    assert found.names[0] == "direction 1"
    assert found.amounts[0] == "53%"  # 0.16 / (0.01 + 0.16 + 0.09 + 0.04)
    np.testing.assert_array_equal(found.extents, 4)
    scales[0] = np.nan
    with pytest.raises(UserError, match="images are not finite: its training has diverged"):
        find_directions(Params({}, {}, Linear(latent_dim=5, image_shape=(2, 2, 1))))


def test_draws_come_from_the_density_that_is_given(pair):
    params = pair["a VAE"]
    density = genjax.fit_density(params, blobs(30).images, 0, 1)
    expected = density.sample(jax.random.key(0), 1_000)
    np.testing.assert_array_equal(find_directions(params, density=density).draws, expected)


def test_what_cannot_be_published_is_said(pair, tmp_path):
    with pytest.raises(MissingCapability, match="'made' cannot decode latents into images"):
        genjax.publish({"made": small("made", image_shape=(8, 8, 1)).init(0)}, tmp_path)
    with pytest.raises(UserError, match="there are 3 models: a page shows one, or two"):
        genjax.publish(dict.fromkeys("abc", pair["a VAE"]), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a VAE's run; commands find its data."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    model, training = small("vae", network="mlp", **LATENTS), Training(epochs=1)
    genjax.fit(model, blobs(30), 0, training, out=folder, progress=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "find_data", lambda place, dataset=None: (blobs(30), blobs(30)))
        yield folder


def test_the_command_publishes_a_run(run, capsys):
    assert main.main(["publish", str(run)]) == 0
    assert f"open in a browser: {run / 'page' / 'index.html'}" in capsys.readouterr().out
    assert read_model(run / "page", 1)["title"] == "mine"


def test_the_command_publishes_two_of_the_same_name(run, pair, tmp_path, capsys):
    genjax.save(tmp_path / "mine.npz", pair["a VAE"])
    command = ["publish", str(run), str(tmp_path / "mine.npz")]
    assert main.main(command) == 1
    assert "say where, with --out FOLDER" in capsys.readouterr().err
    assert main.main([*command, "--out", str(tmp_path / "both")]) == 0
    assert read_model(tmp_path / "both", 2)["title"] == "mine (2)"


def test_a_run_that_is_not_finished_is_refused(run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("page"))
    config = run_folder.read_config(copy)
    config["training"]["epochs"] = 5
    run_folder.write_config(copy, config)
    assert main.main(["publish", str(copy)]) == 1
    assert re.search(r"copy is not finished: epoch 1 of 5.*--unfinished", capsys.readouterr().err)
    assert main.main(["publish", str(copy), "--unfinished"]) == 0


@pytest.fixture(scope="module")
def browser():
    """Chromium, without a window."""
    with open_browser(browser="ALL", performance="ALL") as driver:
        yield driver


def open_page(browser, path, width):
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    deadline = time.monotonic() + 20
    drawn = "return document.querySelectorAll('.plane[data-drawn]').length"
    while browser.execute_script(drawn) < 2:
        assert time.monotonic() < deadline, "the planes are not drawn"
        time.sleep(0.05)


# Drag over a plane, and say how long each move took until another image was on the canvas.
_DRAG = """
const done = arguments[arguments.length - 1];
const plane = document.querySelector(".plane"), image = document.querySelector(".picture canvas");
const read = () => image.getContext("2d").getImageData(0, 0, image.width, image.height).data.join();
const {left, top, width, height} = plane.getBoundingClientRect();
const send = (type, share) => plane.dispatchEvent(new PointerEvent(type, {
  pointerId: 1, clientX: left + share * width, clientY: top + share * height, bubbles: true }));
const times = [];
send("pointerdown", 0.02);
requestAnimationFrame(() => requestAnimationFrame(function move() {
  const before = read(), began = performance.now();
  send("pointermove", 0.1 + times.length / 25);
  (function wait() {
    if (read() === before && performance.now() - began < 2000) return requestAnimationFrame(wait);
    times.push(performance.now() - began);
    if (times.length < 20) return move();
    send("pointerup", 0.9);
    done(times);
  })();
}));
"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 390])
def test_a_drag_changes_the_image_at_once(page, browser, width):
    open_page(browser, page / "index.html", width)
    times = browser.execute_async_script(_DRAG)
    print(f"drag to image at {width} pixels: median {np.median(times):.0f} ms")
    assert np.median(times) < 50
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    said = [line for line in browser.get_log("browser") if line["source"] != "rendering"]
    assert said == []  # but what Chromium says of this test, which reads a canvas often
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert len(asked) >= 6
    assert [url for url in asked if not url.startswith((page.as_uri(), "data:"))] == []


def read_canvas(browser, css):
    script = """const canvas = document.querySelector(arguments[0]);
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""
    return np.array(browser.execute_script(script, css)).reshape(8, 8, 4)[..., :1]


@pytest.mark.browser
def test_sliders_keys_buttons_and_classes_move_the_image(pair, page, browser):
    open_page(browser, page / "index.html", 1400)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]},
    )
    find = browser.find_element

    def compare(i, z, labels=None):
        (params,) = [*pair.values()][i : i + 1]
        time.sleep(0.2)  # the next frame
        shown = read_canvas(browser, f".model:nth-child({i + 1}) .picture canvas")
        expected = np.asarray(genjax.decode(params, z[None], labels))[0]
        np.testing.assert_allclose(shown / 255, expected, atol=1 / 255)

    def read_latents(i):
        script = "return [...genjaxPage.models[arguments[0]].z]"
        return np.array(browser.execute_script(script, i), np.float32)

    compare(0, read_latents(0))
    find("css selector", ".model .slider input").send_keys("\ue010")  # the key End
    model = read_model(page, 1)
    first = int(model["names"][0][2:-1])
    assert read_latents(0)[first] == model["extents"][0]
    compare(0, read_latents(0))
    point = find("css selector", ".model .point")
    point.send_keys("\ue011")  # Home
    point.send_keys("\ue014")  # to the right
    np.testing.assert_allclose(read_latents(0)[first], 0.04 * 0.75 * model["extents"][0], atol=1e-5)
    find("css selector", ".model:nth-child(2) .buttons button").click()  # draw me one
    drawn = unpack(read_model(page, 2)["draws"]).reshape(-1, 3)
    np.testing.assert_array_equal(read_latents(1), drawn[1])
    find("css selector", ".model:nth-child(2) select[aria-label=class] option:nth-child(4)").click()
    compare(1, drawn[1], [2])


@pytest.mark.browser
@pytest.mark.parametrize("plain", [False, True])
def test_programs_are_the_decoders(page, browser, plain):
    """With WebAssembly and without, every image is that of `genjax.decode`."""
    browser.get((page / "index.html").as_uri())
    for name in DECODED:
        params = make_model(name)
        z = np.asarray(params.model.sample_latents(params, jax.random.key(1), 2, 1.0))
        labels = [1, 2] if name in ("r3gan", "conditional_vae") else None
        decoder = publish_page.write_decoder(params)
        script = """const [decoder, latents, plain] = arguments;
        const decode = genjaxRuntime.load(decoder.program, decoder.weights, {plain});
        return latents.map((z, i) => [...decode({z, labels: i + 1})])"""
        found = browser.execute_script(script, decoder, z.tolist(), plain)
        expected = np.asarray(genjax.decode(params, z, labels)).reshape(2, -1)
        np.testing.assert_allclose(found, expected, atol=1e-3, err_msg=name)


def list_sections(module):
    """The sections of WebAssembly in bytes, (kind, content), but for names (kind 0)."""
    sections, i = [], 8
    while i < len(module):
        kind, length, shift = module[i], 0, 0
        while True:  # the length, seven bits a byte
            i += 1
            length |= (module[i] & 127) << shift
            shift += 7
            if module[i] < 128:
                break
        sections.append((kind, module[i + 1 : i + 1 + length]))
        i += 1 + length
    return [section for section in sections if section[0]]


@pytest.mark.extra
def test_the_webassembly_is_that_of_its_source():
    wasmtime = pytest.importorskip("wasmtime")
    assets = resources.files("genjax.sharing") / "page"
    script = (assets / "runtime.js").read_text()
    (block,) = re.findall(r"const MULTIPLY = \[(.*?)\]", script, re.DOTALL)
    shipped = base64.b64decode("".join(re.findall(r'"(.*?)"', block)))
    assembled = bytes(wasmtime.wat2wasm((assets / "multiply.wat").read_text()))
    assert list_sections(shipped) == list_sections(assembled)
    assert len(list_sections(shipped)) == 5
