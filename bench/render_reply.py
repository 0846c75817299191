"""A reply such as models write: headings, paragraphs, lists, a table, code, in the shares seen in chats about programming."""

SECTION = '''## Step {n}: read the file in pieces

Reading a **large file** at once needs as much memory as the file has bytes. Reading it *line by line* needs one line,
which for the `access.log` of a busy server is a few hundred bytes. The difference shows above some hundred megabytes.

1. Open the file with an explicit `encoding`, because the default depends on the machine.
2. Go over it with a plain `for` loop; the file object is its own iterator.
3. Close it by leaving the `with` block, even when an error ends the loop:
   - an error in the loop closes the file;
   - so does `return`.

```python
def count_errors(path: str) -> dict[str, int]:
    """Errors by kind, in one pass."""
    found: dict[str, int] = {{}}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if " ERROR " in line:
                kind = line.split()[3]
                found[kind] = found.get(kind, 0) + 1
    return found
```

The loop above is limited by the disk. If it is not, see [the profiler](https://docs.python.org/3/library/profile.html)
before anything else; a guess about what is slow costs more than the $5 of an hour on a rented machine.

| way | memory | time for {n} GB |
|:----|-------:|-----:|
| all at once | {n}.2 GB | 9 s |
| line by line | 12 MB | 11 s |
| by blocks of 1 MB | 14 MB | 8 s |

> A file that fits into memory today does not tomorrow.

'''


def reply_of(char_count: int) -> str:
    text = ""
    n = 0
    while len(text) < char_count:
        n += 1
        text += SECTION.format(n=n)
    return text[:char_count]
