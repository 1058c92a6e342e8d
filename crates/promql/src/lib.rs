//! PromQL: lexer, parser, typed tree with spans, printer.
