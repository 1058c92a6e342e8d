//! Builds `web/` with npm from its lock file and writes a table of the results, compressed, for `include_bytes!`.
//! Nothing built is committed. A missing npm is a compile error that says what to do.
#![expect(clippy::disallowed_methods, reason = "a build script reads its sources from the real disk")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_WEB").is_none() {
        write_table(&out, &[]);
        return;
    }
    let web = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../web");
    for input in ["src", "index.html", "build.mjs", "package.json", "package-lock.json", "tsconfig.json"] {
        println!("cargo::rerun-if-changed={}", web.join(input).display());
    }
    let dist = out.join("web");
    if let Err(reason) = build(&web, &dist) {
        println!("cargo::error={reason}");
        println!(
            "cargo::error=install Node.js 20 or newer (it brings npm), or build without the web pages: --no-default-features"
        );
        std::process::exit(1);
    }
    let mut files = Vec::new();
    collect(&dist, &dist, &mut files);
    files.sort();
    write_table(&out, &files);
}

fn build(web: &Path, dist: &Path) -> Result<(), String> {
    let lock = web.join("package-lock.json");
    let stamp = web.join("node_modules/.oriel-lock");
    let wanted =
        std::fs::read(&lock).map_err(|error| format!("could not read {}: {error}", lock.display()))?;
    if std::fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        npm(web, &["ci", "--no-audit", "--no-fund", "--ignore-scripts"])?;
        std::fs::write(&stamp, &wanted)
            .map_err(|error| format!("could not write {}: {error}", stamp.display()))?;
    }
    run(web, "node", &["node_modules/typescript/bin/tsc", "--noEmit"])?;
    let dist = dist.to_str().ok_or("the build folder's name is not UTF-8")?;
    run(web, "node", &["build.mjs", dist])
}

fn npm(web: &Path, args: &[&str]) -> Result<(), String> {
    run(web, if cfg!(windows) { "npm.cmd" } else { "npm" }, args)
}

fn run(dir: &Path, program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).current_dir(dir).output();
    let output = output
        .map_err(|error| format!("could not start `{program}`, which builds the web pages: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).replace('\n', " | ");
    Err(format!("`{program} {}` failed: {text}", args.join(" ")))
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, PathBuf)>) {
    for entry in std::fs::read_dir(dir).expect("the build made it").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            files.push((name, path));
        }
    }
}

/// `&[(name, plain length, gzip bytes)]` as an expression.
fn write_table(out: &Path, files: &[(String, PathBuf)]) {
    let mut table = String::from("&[\n");
    for (place, (name, path)) in files.iter().enumerate() {
        let plain = std::fs::read(path).expect("the build made it");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&plain).expect("writing into memory");
        let file = out.join(format!("asset-{place}.gz"));
        std::fs::write(&file, packed.finish().expect("writing into memory"))
            .expect("the build folder can be written");
        writeln!(table, "    ({name:?}, {}, include_bytes!({file:?})),", plain.len())
            .expect("writing into memory");
    }
    table.push(']');
    std::fs::write(out.join("assets.rs"), table).expect("the build folder can be written");
}
