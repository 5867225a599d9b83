"""What every reference of a chapter resolves to, as ``references.json`` in the site, for the edition of Colab."""

import json
import posixpath
from pathlib import Path

from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

FILE = "references.json"


def key(domain: str, kind: str, target: str) -> str:
    """How a chapter writes a reference: ``eq:label``, ``numref:label``, ``prf:ref:label``, ``cite:t:key``."""
    return f"{kind}:{target}" if domain in ("std", "math") else f"{domain}:{kind}:{target}"


def written(doctree) -> set[tuple[str, str, str]]:
    """The references in a page: domain, kind and target of each."""
    references = doctree.findall(addnodes.pending_xref)
    return {(node["refdomain"], node["reftype"], node["reftarget"]) for node in references if node.get("refdomain")}


def defined(env, docname: str) -> set[tuple[str, str, str]]:
    """References to all that a page numbers: its equations, statements and figures."""
    figures = env.toc_fignumbers.get(docname, {}).get("figure", {})
    labels = env.get_domain("std").labels.items()
    statements = getattr(env, "proof_list", {}).items()
    return {
        *(("math", "eq", name) for name, place in env.get_domain("math").equations.items() if place[0] == docname),
        *(("std", "numref", name) for name, place in labels if place[0] == docname and place[1] in figures),
        *(("prf", "ref", name) for name, each in statements if each["docname"] == docname and not each["nonumber"]),
    }


def pieces(node, page: str) -> list[list]:
    """The text of a resolved node in pieces, each with its address below the site, or None where it is no link."""
    pieces: list[list] = []
    here = posixpath.basename(page)
    for text in node.findall(nodes.Text):
        link = text.parent
        while link is not node and not isinstance(link, nodes.reference):
            link = link.parent
        address = None if link is node else posixpath.join(posixpath.dirname(page), link.get("refuri") or here)
        address = address and posixpath.normpath(address) + (f"#{link['refid']}" if "refid" in link else "")
        if pieces and pieces[-1][1] == address:
            pieces[-1][0] += str(text)
        else:
            pieces.append([str(text), address])
    return pieces


def resolve(app, docname: str, wanted: set[tuple[str, str, str]]) -> dict[str, list[list]]:
    """What the wanted references show on a page: Sphinx resolves them, in a document that holds nothing else."""
    document, holders = new_document(docname), {}
    for domain, kind, target in sorted(wanted):
        where = {"refdomain": domain, "reftype": kind, "reftarget": target, "refdoc": docname}
        xref = addnodes.pending_xref("", nodes.inline("", target), refexplicit=False, refwarn=True, **where)
        holders[key(domain, kind, target)] = holder = nodes.paragraph("", "", xref)
        document += holder
    app.env.resolve_references(document, docname, app.builder)
    page = app.builder.get_target_uri(docname)
    return {name: pieces(holder, page) for name, holder in holders.items()}


def headings(env, docname: str, doctree) -> list[str]:
    """The number of each heading of a page in order, such as 6, 6.1 or nothing."""
    numbers = env.toc_secnumbers.get(docname, {})
    sections = [title.parent for title in doctree.findall(nodes.title) if isinstance(title.parent, nodes.section)]
    anchors = [f"#{section['ids'][0]}" for section in sections]
    anchors[:1] = [""]  # the title has the number of the page itself
    return [".".join(map(str, numbers.get(anchor) or ())) for anchor in anchors]


def _write(app, exception):
    if exception or app.builder.format != "html":
        return
    chapters = {}
    for docname in sorted(name for name in app.env.found_docs if name.startswith("chapters/")):
        doctree = app.env.get_doctree(docname)
        chapters[docname] = {
            "address": app.builder.get_target_uri(docname),
            "headings": headings(app.env, docname, doctree),
            "references": resolve(app, docname, written(doctree) | defined(app.env, docname)),
        }
    text = json.dumps(chapters, indent=1, sort_keys=True, ensure_ascii=False)
    (Path(app.outdir) / FILE).write_text(text + "\n", encoding="utf-8")


def setup(app):
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
