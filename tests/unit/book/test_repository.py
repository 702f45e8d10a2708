"""Links out of docs/ lead somewhere in the book, and a dead one fails its build."""

import pytest
from unit.book.little_books import book

CHART = {
    "chart/README.md": "# Chart\n\n## Worth knowing\n\n[values](values.yaml), "
    "[home](../docs/index.md)\n",
    "chart/values.yaml": "replicas: 3\n",
    "chart/.hidden": "",
    "chart/report.html": "<p>all well</p>",
    "rules/a.yaml": "",
    "rules/below/b.yaml": "",
}


def linking(link):
    return {"docs/index.md": f"# Home\n\n## Here\n\n[it]({link})\n"}


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("../chart/README.md", "repository/chart/"),
        ("../chart", "repository/chart/"),
        ("../chart/", "repository/chart/"),
        ("../chart/README.md#worth-knowing", "repository/chart/#worth-knowing"),
        ("../chart/values.yaml", "repository/chart/values.yaml/"),
        ("../rules", "repository/rules/"),
        ("../chart/report.html", "repository/chart/report.html"),
        ("#here", "#here"),
        ("https://example.org/x", "https://example.org/x"),
    ],
)
def test_a_link_leads_to_a_page_of_the_book(tmp_path, link, leads_to):
    built = book(tmp_path, CHART | linking(link))

    assert built.is_built, built.complaints
    assert f'<a href="{leads_to}">it</a>' in built.page(".")


@pytest.mark.parametrize(
    ("link", "named"),
    [
        ("../chart/absent.yaml", "absent.yaml"),
        ("../../elsewhere", "elsewhere"),
        ("absent.md", "absent.md"),
        ("#nowhere", "nowhere"),
        ("../chart/README.md#nowhere", "nowhere"),
    ],
)
def test_a_dead_link_fails_the_build_and_is_named(tmp_path, link, named):
    built = book(tmp_path / "repository", CHART | linking(link))

    assert named in built.complaints


def test_a_dead_link_of_a_readme_fails_the_build(tmp_path):
    readme = {"chart/README.md": "[gone](gone.yaml)"}

    assert "gone.yaml" in book(tmp_path, CHART | readme | linking("../chart")).complaints


def test_a_page_without_a_place_in_the_book_fails_the_build(tmp_path):
    built = book(tmp_path, linking("#here") | {"docs/lost.md": "# Lost"})

    assert "lost.md" in built.complaints


def test_pages_of_the_repository_show_what_they_are_of(tmp_path):
    built = book(
        tmp_path,
        CHART | linking("../chart") | {"docs/more.md": "[r](../rules)"},
        nav=["index.md", "more.md"],
    )

    readme, values, folder = map(
        built.page, ("repository/chart", "repository/chart/values.yaml", "repository/rules")
    )
    assert '<a href="values.yaml/">values</a>' in readme
    assert '<a href="../../">home</a>' in readme
    assert "replicas" in values
    assert "<code>a.yaml</code>" in folder
    assert "<code>below/</code>" in folder


def test_what_a_browser_shows_by_itself_is_copied(tmp_path):
    built = book(tmp_path, CHART | linking("../chart/report.html"))

    assert (built.site / "repository/chart/report.html").read_text() == "<p>all well</p>"


def test_links_lead_to_where_the_repository_is_hosted_if_that_is_named(tmp_path):
    source = {"source_url": "https://git.example/blob/main/"}
    built = book(tmp_path, CHART | linking("../chart/values.yaml"), extra=source)

    assert 'href="https://git.example/blob/main/chart/values.yaml"' in built.page(".")
    assert not (built.site / "repository").exists()


def test_a_link_in_code_stays_as_it_is(tmp_path):
    built = book(tmp_path, CHART | {"docs/index.md": "# Home\n\n`[x](../chart)`\n"})

    assert "<code>[x](../chart)</code>" in built.page(".")


def test_what_a_list_s_item_holds_is_read_as_where_the_repository_is_browsed(tmp_path):
    text = "# Home\n\n1. first\n   - inner\n\n   ```\n   code\n   ```\n2. second\n"
    page = book(tmp_path, {"docs/index.md": text}).page(".")

    assert page.count("<ol>") == 1
    assert page.index("<ol>") < page.index("<ul>") < page.index("<code>") < page.index("second")
