//! The reference page, written from the table of fields: `docs/reference/configuration.md`. A test keeps the two together.

use crate::fields::{FIELDS, SECTIONS};
use crate::settings::Settings;

const HEAD: &str = "\
# Configuration: `oriel.yaml`

<!-- Written from the table of fields in `crates/config/src/fields.rs` by its test; `UPDATE_EXPECT=1 cargo test -p config` writes it again. -->

No file at all gives a useful server. A file is named with `--config FILE`; flags win over it. A field that is not listed here is refused, with its line and the
nearest known one. `oriel check config FILE` says everything that is wrong and ends.

Sizes are numbers with a unit (`64MiB`, `500MB`, `1GiB`), durations likewise (`250ms`, `30s`, `1h30m`, `15d`). A secret is never in the file itself: `{ file: PATH }` or
`{ env: NAME }` says where it is; a line end at the end of the file is not part of it.
";

pub fn page() -> String {
    let defaults = Settings::default();
    let mut page = HEAD.to_owned();
    for (section, opening) in SECTIONS {
        page.push_str(&format!(
            "\n## {section}\n\n{opening}\n\n| field | takes | default | meaning |\n|---|---|---|---|\n"
        ));
        for field in FIELDS.iter().filter(|field| field.path.split('.').next() == Some(section)) {
            let default = (field.show)(&defaults);
            page.push_str(&format!(
                "| `{}` | {} | `{default}` | {} |\n",
                field.path, field.takes, field.help
            ));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    #[test]
    fn the_page_is_what_the_table_says() {
        expect_file!["../../../docs/reference/configuration.md"].assert_eq(&super::page());
    }
}
