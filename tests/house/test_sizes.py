"""The caps of the house: a file, a function, a template that outgrows its cap hides a noun that is missing."""

import ast

from tests.house.tree import name_of, own_files, parsed, python_files, server_files, too_long

FILE, FUNCTION, CONSUMER, TEMPLATE, SCRIPT = 400, 50, 120, 160, 300


def test_a_python_file_has_at_most_400_lines():
    assert not too_long(python_files(), cap=FILE)


def test_a_function_has_at_most_50_lines():
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}: {length} lines"
        for path in server_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION
    ]
    assert not long


def test_a_consumer_stays_thin():
    consumers = [path for path in server_files() if path.stem in {"consumer", "consumers"}]
    assert not too_long(consumers, cap=CONSUMER)


def test_a_template_has_at_most_160_lines():
    assert not too_long(list(own_files(".html")), cap=TEMPLATE)


def test_a_script_of_our_own_has_at_most_300_lines():
    assert not too_long(list(own_files(".js")), cap=SCRIPT)
