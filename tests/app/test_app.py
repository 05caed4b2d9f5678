"""The app's page: over HTTP, and in a real browser where there is one."""

import gc
import io
import json
import os
import re
import socket
import sys
import time
import warnings
from dataclasses import dataclass

import jax
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.cli import app as command
from genjax.errors import UserError
from genjax.model import Model, Params, registry
from tests.helpers import blobs, open_browser, small

pytest.importorskip("gradio")
httpx = pytest.importorskip("httpx")

from genjax import app  # noqa: E402
from genjax.app.canvas import enlarge_image  # noqa: E402
from genjax.app.explorer import Explorer  # noqa: E402
from genjax.app.server import _warn_of_visitors  # noqa: E402

# gradio leaves event loops and sockets to the garbage collector
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True, scope="module")
def collected():
    """Collect gradio's garbage here, not in another module, which would take it for an error."""
    yield
    gc.collect()


def initial(name="vae", image_shape=(8, 8, 1), latent_dim=3):
    model = small(name, image_shape=image_shape, latent_dim=latent_dim, network="mlp")
    return model.init(jax.random.key(0))


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A VAE with a GAN beside it: (parameters, data, address, page)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.setenv(variable, "http://127.0.0.1:9")  # there is no network
        patch.setenv("NO_PROXY", "")
        patch.setenv("no_proxy", "")
        params, data = initial(latent_dim=40), blobs(30)
        frames = {epoch: np.full((4, 8, 8, 1), 10 * epoch, np.uint8) for epoch in (0, 2, 5)}
        page, address = app.launch(
            params, data, initial("gan", (9, 9, 3)), progression=frames, wait=False
        )
        yield params, data, address, page
        page.close()


def post(address: str, name: str, *data):
    with httpx.Client(base_url=address, trust_env=False) as client:
        body = {"data": list(data), "session_hash": "tested"}
        answer = client.post(f"/gradio_api/run/{name}", json=body)
        return answer.raise_for_status().json()["data"]


def pixels(url: str) -> np.ndarray:
    with (
        httpx.Client(trust_env=False) as client,
        Image.open(io.BytesIO(client.get(url).content)) as f,
    ):
        return np.asarray(f)


def test_a_slider_answers_with_the_image_of_the_latents(opened):
    params, data, address, _ = opened
    it = Explorer(params, data)
    z = it.choose_start()  # what the latents without a slider stay at
    z[it.order[:32]] = np.linspace(-2, 2, 32)
    picture, score = post(address, "move", None, *np.linspace(-2, 2, 32))
    assert score == ""  # it has no discriminator
    np.testing.assert_array_equal(pixels(picture["url"]), enlarge_image(it.decode(z)))


def test_both_models_draw_with_the_same_key(opened):
    params, _, address, _ = opened
    left, _, right, _ = (pixels(picture["url"]) for picture in post(address, "samples", 3))
    expected = genjax.plots.make_grid(genjax.sample(params, jax.random.key(3), 36))
    np.testing.assert_array_equal(left[1::3, 1::3], expected)
    expected = genjax.plots.make_grid(
        genjax.sample(initial("gan", (9, 9, 3)), jax.random.key(3), 36)
    )
    np.testing.assert_array_equal(right[1::3, 1::3], expected)


def test_a_slider_over_the_training_shows_the_samples_of_its_epochs(opened):
    said, picture = post(opened[2], "progression", 3)
    assert said == "**After epoch 2** of 5"
    assert pixels(picture["url"])[10, 10].tolist() == [20, 20, 20]


def test_the_page_says_what_the_model_minimises(opened):
    (shown,) = [
        c["props"]["value"]
        for c in opened[3].config["components"]
        if c["type"] == "html" and 'id="loss"' in str(c["props"].get("value"))
    ]
    assert "<math" in shown


def test_a_way_leads_from_a_real_image_to_a_random_draw(opened):
    _, data, address, _ = opened
    pictures = post(
        address, "interpolate", "linear", "a test image", 7, None, "a random draw", None, None
    )
    first, _, strip = (pixels(picture["url"]) for picture in pictures)
    np.testing.assert_array_equal(first[30::60, 30::60, 0], data.images[7, ..., 0])
    assert strip.shape == (4 * 12, 4 * 102, 3)


def test_it_answers_this_machine_alone_and_tells_nobody(opened):
    port = int(opened[2].rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)):
        pass
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):  # noqa: PT011
        pass
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_the_speed_is_measured(opened):
    seconds = command.measure_slider(opened[2])
    print(f"slider to image: median {1000 * np.median(seconds):.0f} ms")
    assert len(seconds) == 50
    assert 0 < np.median(seconds) < 0.5


@pytest.mark.parametrize(
    ("name", "image_shape", "latent_dim"),
    [("autoencoder", (8, 8, 3), 2), ("vae", (9, 8, 2), 1), ("gan", (12, 12, 1), 100)],
)
def test_the_page_follows_the_parts_of_the_model(name, image_shape, latent_dim):
    page = app.build(initial(name, image_shape, latent_dim), blobs(30, image_shape))
    components = page.config["components"]
    kinds = [component["type"] for component in components]
    assert kinds.count("slider") == min(latent_dim, 32)
    ends = [c["props"]["choices"] for c in components if c["props"].get("label") == "from"]
    drawn = name != "gan"
    assert ("a drawing" in dict(ends[0])) == drawn
    texts = " ".join(str(c["props"].get("value")) for c in components if c["type"] == "markdown")
    assert ("32 of the 100 latents have a slider" in texts) == (latent_dim == 100)


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}"):
            app.launch(initial(), port=port, wait=False)


@pytest.mark.parametrize("port", [0, -1, 99999])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(UserError, match=f"port is {port}, but must be from 1 to 65535"):
        app.launch(initial(), port=port, wait=False)


@pytest.mark.parametrize("host", ["1.2.3.4", "no-such-host.invalid", "x" * 300])
def test_a_host_that_is_no_address_of_this_machine_is_refused_at_once(host):
    began = time.monotonic()
    with pytest.raises(UserError, match="no address of this machine"):
        app.launch(initial(), host=host, wait=False)
    assert time.monotonic() - began < 5


def test_who_can_reach_the_app_is_said():
    with pytest.warns(UserWarning, match=r"at 0\.0\.0\.0 can use the app, without a password"):
        _warn_of_visitors("0.0.0.0", False, None)
    with pytest.warns(UserWarning, match="everybody who has the link .* after logging in"):
        _warn_of_visitors("127.0.0.1", True, ("me", "secret"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for host in ("127.0.0.1", "localhost", "::1", "127.0.0.5"):
            _warn_of_visitors(host, False, None)


def test_a_password_is_asked_for():
    page, address = app.launch(initial(), auth=("me", "secret"), wait=False)
    try:
        with httpx.Client(base_url=address, trust_env=False) as client:
            assert client.get("/config").status_code == 401
            wrong = {"username": "me", "password": "guess"}
            assert client.post("/login", data=wrong).status_code == 400
            right = {"username": "me", "password": "secret"}
            assert client.post("/login", data=right).status_code == 200
            assert client.get("/config").status_code == 200
    finally:
        page.close()


def upload(address: str, content: bytes) -> httpx.Response:
    with httpx.Client(base_url=address, trust_env=False) as client:
        return client.post("/gradio_api/upload", files={"files": ("drawing.png", content)})


def test_large_uploads_and_large_pictures_are_refused(opened):
    address = opened[2]
    assert upload(address, b"x" * 5_000_000).status_code == 413
    file = io.BytesIO()
    Image.new("1", (13_000, 13_000)).save(file, format="PNG")  # 169 million pixels in 21 kB
    (path,) = upload(address, file.getvalue()).json()
    drawing = {"path": path, "meta": {"_type": "gradio.FileData"}}
    values = ["linear", "a drawing", 0, {"background": None, "layers": [], "composite": drawing}]
    body = {"data": [*values, "a random draw", 0, None], "session_hash": "large"}
    began = time.monotonic()
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        answer = client.post("/gradio_api/run/interpolate", json=body)
    assert answer.status_code == 500
    assert "more than 4,000,000 pixels" in answer.json()["error"]
    assert time.monotonic() - began < 5


def test_sessions_are_forgotten(opened):
    page = opened[3]
    assert page.app.state_holder.capacity == 256


@dataclass(frozen=True)
class OnlySamples(Model):
    """A user's model that can do nothing but sample."""

    def sample(self, params, key, num):
        return jax.random.uniform(key, (num, *self.image_shape))


def test_a_model_without_latents_shows_its_samples(monkeypatch):
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS})  # forgotten after the test
    model = genjax.register("only-samples")(OnlySamples)((8, 8, 1))
    page = app.build(Params({}, {}, model))
    kinds = [component["type"] for component in page.config["components"]]
    assert kinds.count("tabitem") == 2  # and the loss
    assert kinds.count("image") == 1
    texts = [c["props"].get("value") for c in page.config["components"] if c["type"] == "markdown"]
    assert "It has no latents to move" in texts[0]


def test_without_gradio_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in [name for name in sys.modules if name.startswith("genjax.app")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=r"pip install 'genjax-vae-gan\[app\]'"):
        __import__("genjax.app")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vae-mnist"], "Train it: genjax train vae-mnist"),
        (["vae-mnist", "--run", "nowhere"], "no run in nowhere or runs/nowhere"),
        (
            ["vae-mnist", "--run", "{run}", "--beside", "dcgan-mnist"],
            "Train it: genjax train dcgan",
        ),
    ],
)
def test_a_run_that_is_not_there(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    genjax.save(tmp_path / "run.npz", initial())
    assert command.main([a.format(run=tmp_path / "run.npz") for a in arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.usefixtures("opened")  # gradio, whose first server must not write to this capsys
def test_the_command_shows_a_run_and_measures(tmp_path, capsys):
    genjax.save(tmp_path / "mine.npz", initial())
    assert command.main(["mine", "--run", str(tmp_path / "mine.npz"), "--measure"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"slider to image: median \d+ ms, p95 \d+ ms \(50 changes\)", printed)
    assert "no real images" in printed  # it is not known what the weights were trained on


@pytest.fixture(scope="module")
def browser(opened):
    """Chromium on the page, without a window."""
    with open_browser("window-size=1440,1000", performance="ALL") as driver:
        driver.implicitly_wait(20)
        driver.get(opened[2])
        yield driver


def source(browser, name: str) -> str:
    return browser.find_element("css selector", f"#{name} img").get_attribute("src")


def changed(browser, name: str, before: str) -> str:
    """The address of the picture, once it is another one."""
    deadline = time.monotonic() + 20
    while (now := source(browser, name)) == before:
        assert time.monotonic() < deadline, f"the picture {name} has not changed"
        time.sleep(0.02)
    return now


@pytest.mark.browser
def test_moving_a_slider_changes_the_image(opened, browser):
    before = source(browser, "picture")
    slider = browser.find_element("css selector", "#latents input[type=range]")
    slider.send_keys("\ue010")  # the key End
    after = changed(browser, "picture", before)
    it = Explorer(*opened[:2])
    z = it.choose_start()
    z[it.order[:32]] = z[it.order[:32]].round(3)
    z[it.order[0]] = it.extents[it.order[0]]
    np.testing.assert_allclose(pixels(after).astype(int), enlarge_image(it.decode(z)), atol=1)


@pytest.mark.browser
def test_a_click_on_the_plane_moves_there(opened, browser):
    from selenium.webdriver import ActionChains

    before, old = source(browser, "picture"), source(browser, "plane")
    plane = browser.find_element("css selector", "#plane img")
    x, y = plane.size["width"] // 4, -plane.size["height"] // 4
    ActionChains(browser).move_to_element_with_offset(plane, x, y).click().perform()
    after = changed(browser, "picture", before)
    changed(browser, "plane", old)  # the mark
    sliders = browser.find_elements("css selector", "#latents input[type=range]")
    values = [float(slider.get_attribute("value")) for slider in sliders]
    it = Explorer(*opened[:2])
    reach = it.reach[it.order[:2]]
    np.testing.assert_allclose(values[:2], [reach[0] / 2, reach[1] / 2], atol=0.1)  # right, above
    z = it.choose_start()
    z[it.order[:32]] = values
    np.testing.assert_allclose(pixels(after).astype(int), enlarge_image(it.decode(z)), atol=1)


@pytest.mark.browser
@pytest.mark.parametrize("button", ["random", "zero", "real"])
def test_the_buttons_change_the_image(browser, button):
    before = source(browser, "picture")
    browser.find_element("id", button).click()
    changed(browser, "picture", before)


@pytest.mark.browser
def test_a_drawing_is_an_end_of_the_way(browser):
    from selenium.webdriver import ActionChains

    browser.find_elements("css selector", "button[role=tab]")[1].click()
    strip = source(browser, "strip")
    browser.find_elements("css selector", "#from-source input")[1].click()
    strip = changed(browser, "strip", strip)  # of empty paper
    canvas = browser.find_element("css selector", "#from-drawing canvas")
    time.sleep(1)  # it is being set up
    stroke = ActionChains(browser).move_to_element_with_offset(canvas, -60, -60).click_and_hold()
    stroke.move_by_offset(120, 120).release().perform()
    changed(browser, "strip", strip)


_SHOWN_TABS = """
return [...document.querySelectorAll("button[role=tab]")].filter(tab => tab.offsetWidth)
  .map(tab => tab.textContent.trim())
"""


@pytest.mark.browser
def test_on_a_phone_every_tab_has_its_button(opened, browser):
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(opened[2])
        names = ["Latents", "Interpolation", "Samples", "Training", "Loss"]
        deadline = time.monotonic() + 20
        while (shown := browser.execute_script(_SHOWN_TABS)) != names:
            assert time.monotonic() < deadline, f"the tabs are {shown}"
            time.sleep(0.1)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.browser
def test_nothing_is_fetched_from_elsewhere(opened, browser):
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((opened[2], "data:", "blob:"))] == []
