//! `proc-title-template`: text with `{variables}`; `{{` is a brace.

/// The variables.
pub const VARIABLES: &[&str] =
    &["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];

/// The template with its variables replaced, without spaces at its ends. `None` for a variable that has no value or a brace
/// that is not closed.
pub fn expand(template: &str, value_of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), template);
    while let Some(brace) = rest.find('{') {
        out.push_str(&rest[..brace]);
        rest = &rest[brace + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            out.push('{');
            rest = after;
            continue;
        }
        let (name, after) = rest.split_once('}')?;
        out.push_str(&value_of(name)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out.trim_matches(' ').to_owned())
}

/// Whether a template can be expanded, and to something.
pub(super) fn check(text: &[u8]) -> Result<(), &'static str> {
    const REFUSAL: &str = "template format is invalid or contains unknown variables";
    let sample = |name: &str| match name {
        "listen-addr" => Some("*:0".to_owned()),
        "port" | "tls-port" => Some("0".to_owned()),
        _ => VARIABLES.contains(&name).then(String::new),
    };
    let template = std::str::from_utf8(text).map_err(|_| REFUSAL)?;
    expand(template, sample).filter(|title| !title.is_empty()).map(|_| ()).ok_or(REFUSAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_expanded() {
        let check = |template: &str, expected: Option<&str>| {
            let value = |name: &str| (name != "unknown").then(|| name.to_uppercase());
            assert_eq!(expand(template, value).as_deref(), expected, "{template}");
        };
        check("{title} {port} ", Some("TITLE PORT"));
        check("a {{b} {title}{port}", Some("a {b} TITLEPORT"));
        check("}", Some("}"));
        check("{unknown}", None);
        check("{title", None);
    }

    #[test]
    fn templates_must_give_something() {
        for (template, ok) in
            [("{title}", false), ("", false), ("{port}", true), ("x{title}", true), ("{x}", false)]
        {
            assert_eq!(check(template.as_bytes()).is_ok(), ok, "{template}");
        }
    }
}
