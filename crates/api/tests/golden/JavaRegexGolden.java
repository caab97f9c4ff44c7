import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.regex.*;

/**
 * Records what java.util.regex answers, for crates/api/src/java_regex/tests.rs:
 *   java JavaRegexGolden.java > java-regex.tsv
 * Columns: pattern, flag (i or -), text, replacement, matches (true, false or error), replaceFirst.
 * Tabs, line breaks and backslashes of the data are written as \t, \n, \\.
 */
public class JavaRegexGolden {
    static final String[][] CASES = {
        // pattern, flags, replacement, texts...
        {"prod\\.public\\.(.*)", "-", "cdc.$1", "prod.public.orders", "prod.public.", "prod_public.orders", "xprod.public.a", "prod.public.a\nb"},
        {"(?<db>[^.]+)\\.(?<schema>[^.]+)\\.(?<table>[^.]+)", "-", "${table}-${db}", "a.b.c", "a.b", "ä.ö.ü"},
        {"a|ab", "-", "<$0>", "a", "ab", "abc"},
        {"(a)(b)?", "-", "[$1|$2]", "a", "ab"},
        {"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "-", "$11$1$12", "abcdefghijk"},
        {"(x)", "-", "$12", "x"},
        {"(x)", "-", "\\$1\\\\", "x"},
        {"(x)", "-", "$2", "x"},
        {"(x)", "-", "$", "x"},
        {"(x)", "-", "a\\", "x"},
        {"(x)", "-", "$a", "x"},
        {"(x)", "-", "${y}", "x"},
        {"(x)", "-", "${1}", "x"},
        {"(x)", "-", "${x", "x"},
        {"public\\.ORDERS", "i", "", "PUBLIC.orders", "public.orders", "publik.orders"},
        {"public\\.äpfel", "i", "", "PUBLIC.äpfel", "public.ÄPFEL"},
        {"(?iu)public\\.äpfel", "-", "", "PUBLIC.ÄPFEL"},
        {"k", "i", "", "K", "\u212a"},
        {"[k-m]s", "i", "", "KS", "\u212as", "Ls", "l\u017f"},
        {"[^k]", "i", "", "K", "k", "x"},
        {"[A-z]", "i", "", "a", "_", "["},
        {"(?i)a(?-i)b", "-", "", "AB", "Ab", "ab"},
        {"a(?i)b|c", "-", "", "AB", "aB", "C", "c"},
        {"(a(?i)b)c", "-", "", "aBc", "aBC"},
        {"(?i:a)b", "-", "", "Ab", "AB"},
        {"\\Qa.b[\\E.*", "-", "", "a.b[x", "axb["},
        {"\\Qa.b", "-", "", "a.b", "axb"},
        {"\\Q$1\\E", "-", "z", "$1"},
        {"[\\Q^-]\\E]", "-", "", "^", "-", "]", "a"},
        {"a*+a", "-", "", "aaa"},
        {"a*+b", "-", "x", "aaab", "b"},
        {"(?:ab)++c", "-", "", "ababc", "abab"},
        {"a?+a", "-", "", "a", "aa"},
        {"a{1,2}+a", "-", "", "aa", "aaa"},
        {"a{2}", "-", "", "a", "aa", "aaa"},
        {"a{2,}", "-", "", "a", "aa", "aaa"},
        {"a{2,3}?", "-", "<$0>", "aa", "aaa", "aaaa"},
        {"a{,2}", "-", "", "a"},
        {"a{x}", "-", "", "a"},
        {"{a}", "-", "", "{a}"},
        {"a}", "-", "", "a}"},
        {"a]", "-", "", "a]"},
        {"*", "-", "", "a"},
        {"a|*b", "-", "", "a"},
        {"(+a)", "-", "", "a"},
        {"a**", "-", "", "a"},
        {"(a", "-", "", "a"},
        {"a)", "-", "", "a"},
        {"[a", "-", "", "a"},
        {"[]a]", "-", "", "]", "a", "b"},
        {"[^]a]", "-", "", "]", "a", "b"},
        {"[a-]", "-", "", "-", "a"},
        {"[-a]", "-", "", "-", "a"},
        {"[z-a]", "-", "", "-", "a"},
        {"[a\\-z]", "-", "", "-", "b"},
        {"[a-z&&[^b]]", "-", "", "a", "b"},
        {"[a-z&&[^bc]&&[b-f]]", "-", "", "a", "b", "d"},
        {"[a-c[x-z]]", "-", "", "b", "y", "m"},
        {"[^a[b]]", "-", "", "a", "b", "c"},
        {"[a&b]", "-", "", "&", "a"},
        {"[~--]", "-", "", "~", "-", "a"},
        {"[a--b]", "-", "", "-", "a"},
        {"[\\w.]+", "-", "", "a.b_c9", "ä"},
        {"[\\W]", "-", "", "a", "-"},
        {"[^\\W_]", "-", "", "a", "_"},
        {"\\d+", "-", "", "12", "\u0661"},
        {"(?U)\\d+", "-", "", "\u0661"},
        {"\\w", "-", "", "é", "e", "_"},
        {"\\s", "-", "", " ", "\u00a0", "\u000b"},
        {"\\h\\H", "-", "", "\u00a0x", "\n "},
        {"\\v", "-", "", "\n", "\u2028", "v"},
        {"a\\Rb", "-", "", "a\r\nb", "a\nb", "a\r\rb"},
        {"a.b", "-", "", "a\nb", "a\rb", "a\u2028b", "a\u0085b", "axb"},
        {"(?s)a.b", "-", "", "a\nb"},
        {"(?d)a.b", "-", "", "a\nb", "a\rb"},
        {"^a$", "-", "", "a", "ba"},
        {"(?m)^a$", "-", "", "a", "ba"},
        {"(?s).*^b.*", "-", "", "a\nb"},
        {"(?sm).*^b.*", "-", "", "a\nb"},
        {"\\Aa\\z", "-", "", "a"},
        {"a\\Z", "-", "", "a"},
        {"\\ba\\b.\\Bb", "-", "", "a-b", "axb"},
        {"\\Ga", "-", "", "a"},
        {"(?x) a b # comment )", "-", "", "ab", "a b"},
        {"(?x)[a b]", "-", "", " ", "b"},
        {"(?x)a\\ b", "-", "", "a b"},
        {"(?!pg_).*", "-", "x", "pg_class", "orders"},
        {"(?=o).*", "-", "", "orders", "xorders"},
        {".*(?<!_tmp)", "-", "", "orders", "orders_tmp"},
        {".*(?<=ers)", "-", "", "orders", "order"},
        {"(?!.*(?:log|tmp)$)public\\..*", "i", "", "public.orders", "PUBLIC.ORDER_LOG"},
        {"(?>a+)b", "-", "", "aab"},
        {"(.)\\1", "-", "$1", "aa", "ab"},
        {"(.)\\1", "i", "", "aA", "ab"},
        {"(?<c>.)\\k<c>", "-", "${c}", "aa", "ab"},
        {"(.)\\11", "-", "", "aa1", "aa"},
        {"\\p{Alpha}+", "-", "", "abc", "ä"},
        {"\\p{L}+", "-", "", "abc", "ä", "1"},
        {"\\pL\\PL", "-", "", "a1", "ab"},
        {"\\p{IsAlphabetic}", "-", "", "ä", "1"},
        {"\\p{IsLatin}", "-", "", "ä", "я"},
        {"\\p{sc=Cyrillic}", "-", "", "ä", "я"},
        {"\\p{Lu}", "-", "", "Ä", "ä"},
        {"\\p{javaLowerCase}", "-", "", "Ä", "ä"},
        {"\\P{Digit}", "-", "", "1", "a"},
        {"[\\p{Punct}]", "-", "", "$", "[", "a", "\\", "-"},
        {"[^\\p{Punct}a]", "-", "", "$", "a", "b"},
        {"\\p{Nope}", "-", "", "a"},
        {"\\x41\\u0042\\x{43}\\0104", "-", "", "ABCD"},
        {"\\t\\n\\r\\f\\a\\e\\cA", "-", "", "\t\n\r\f\u0007\u001b\u0001"},
        {"\\ud83d\\ude00", "-", "", "\ud83d\ude00"},
        {"\ud83d\ude00?", "-", "", "\ud83d\ude00", ""},
        {".", "-", "", "\ud83d\ude00"},
        {"\\y", "-", "", "y"},
        {"\\_\\-\\ \\/\\<", "-", "", "_- /<"},
        {"a\\", "-", "", "a"},
        {"", "-", "x", "", "a"},
        {"()", "-", "x$1", ""},
        {"a||b", "-", "", "", "a", "b"},
        {"(?<1a>x)", "-", "", "x"},
        {"(?y)x", "-", "", "x"},
        {"^*a", "-", "", "a"},
        {"\\0377", "-", "", "\u00ff"},
        {"\\0477", "-", "", "'7"},
        {"\\08", "-", "", "8"},
        {"#a~b c", "-", "", "#a~b c"},
        {"a,b", "-", "", "a,b"},
    };

    public static void main(String[] args) throws Exception {
        StringBuilder out = new StringBuilder();
        for (String[] row : CASES) {
            for (int i = 3; i < row.length; i++) {
                String matches;
                String replaced = "";
                try {
                    Pattern pattern = Pattern.compile(row[0], row[1].equals("i") ? Pattern.CASE_INSENSITIVE : 0);
                    Matcher matcher = pattern.matcher(row[i]);
                    boolean full = matcher.matches();
                    matches = String.valueOf(full);
                    try {
                        replaced = full ? matcher.replaceFirst(row[2]) : "";
                    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                        replaced = "error";
                    }
                } catch (PatternSyntaxException e) {
                    matches = "error";
                }
                out.append(String.join("\t", esc(row[0]), row[1], esc(row[i]), esc(row[2]), matches, esc(replaced))).append('\n');
            }
        }
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    static String esc(String s) {
        return s.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r");
    }
}
