"""`fldbench run --share`: finished records go to a URL, and a dry run says that it does not ask it."""


def test_the_command_shares_and_a_dry_run_does_not_ask(call, tmp_path):
    suite, place = tmp_path / "s.yaml", tmp_path / "shared"
    suite.write_text(
        "name: s\ntrain: [{dataset: synthetic, options: {faces: 5}}]\nmethods: [mean-shape]\n"
        "protocols: ['synthetic-test@first=4']\n"
    )
    command = "run", suite, "--out", tmp_path / "out", "--share", f"file://{place}"
    status, text, err = call(*command, "--dry-run")
    assert status == 0 and text.splitlines()[-1].startswith("1 run") and not place.exists()
    assert f"--dry-run does not ask file://{place}: what only that place holds is shown as to do" in err
    err = call(*command[:-1], "sftp://me:s3cr@t@host/x", "--dry-run")[2]
    assert "--dry-run does not ask sftp://host/x: " in err
    assert call(*command)[0] == 0
    assert sorted(path.suffix for path in place.iterdir()) == [".txt", ".zip"]
