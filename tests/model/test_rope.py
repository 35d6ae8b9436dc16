import torch

from toto.model.rope import Rotary


def test_scores_are_those_of_the_plain_formula():
    """Angles by pairs of neighbours, xPos scales as two copies side by side (a plain loop)."""
    size, query_at, key_at = 8, 11, 5
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, size, generator=generator, dtype=torch.float64)
    zeta = [(2 * (f % 4) + 0.4 * size) / (1.4 * size) for f in range(size)]

    def turned(x, position):
        out = []
        for j in range(4):
            angle = torch.tensor(position / 10000 ** (2 * j / size), dtype=torch.float64)
            a, b = x[0, 2 * j], x[0, 2 * j + 1]
            out += [a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()]
        return out

    left, right = turned(q, query_at), turned(k, key_at)
    expected = sum(
        a * b * z ** ((query_at - key_at) / 512) for a, b, z in zip(left, right, zeta, strict=True)
    )
    halves = [0, 2, 4, 6, 1, 3, 5, 7]
    both = torch.stack([q, k])[..., halves].view(1, 2, 1, size)
    query = Rotary.at(query_at, 1, size, torch.float64, q.device).turn(both)[:, 0]
    key = Rotary.at(key_at, 1, size, torch.float64, q.device).turn(both)[:, 1]
    torch.testing.assert_close((query * key).sum(), expected, rtol=1e-6, atol=1e-6)


def test_a_run_of_positions_holds_the_tables_of_each():
    run = Rotary.at(3, 4, 8, torch.float64, torch.device("cpu"))
    for i in range(4):
        one = Rotary.at(3 + i, 1, 8, torch.float64, torch.device("cpu"))
        for table, row in zip(run, one, strict=True):
            assert torch.equal(table[i : i + 1], row)


def test_half_precision_is_turned_by_factors_in_float32():
    half = Rotary.at(4000, 2, 8, torch.bfloat16, torch.device("cpu"))
    full = Rotary.at(4000, 2, 8, torch.float32, torch.device("cpu"))
    assert torch.equal(half.straight, full.straight)
    x = torch.randn(2, 2, 3, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(half.turn(x), full.turn(x.float()).bfloat16())


def test_turning_is_the_same_where_gradients_are_wanted():
    x = torch.randn(4, 2, 3, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rotary = Rotary.at(7, 4, 8, torch.float64, x.device)
    torch.testing.assert_close(rotary.turn(x.clone().requires_grad_()), rotary.turn(x))


def test_rows_one_after_the_other_are_turned_each_from_its_first_position():
    x = torch.randn(3, 4, 2, 3, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rotary = Rotary.at(7, 4, 8, torch.float64, x.device)
    together = rotary.for_rows(3).turn(x.flatten(0, 1))
    torch.testing.assert_close(together, torch.cat([rotary.turn(row) for row in x]))
