using System.Text;

namespace UnetResnet.Lab.Report;

/// <summary>
/// Turns the simple TeX of our prose into MathML, which browsers draw without a script: Greek letters, fractions, roots, indices, accents,
/// sums. What it does not know stays as it was written.
/// </summary>
internal sealed class MathMarkup
{
    private static readonly Dictionary<string, string> Names = Table(
        "alpha α beta β gamma γ delta δ epsilon ε varepsilon ε eta η theta θ kappa κ lambda λ mu μ nu ν pi π rho ρ sigma σ tau τ phi φ chi χ psi ψ "
        + "omega ω Delta Δ Sigma Σ Omega Ω infty ∞ ell ℓ partial ∂ nabla ∇");

    private static readonly Dictionary<string, string> Operators = Table(
        "cdot · times × div ÷ pm ± le ≤ leq ≤ ge ≥ geq ≥ ne ≠ neq ≠ approx ≈ sim ∼ in ∈ to → rightarrow → leftarrow ← mapsto ↦ sum ∑ prod ∏ "
        + "ldots … dots … cdots ⋯ mid | cap ∩ cup ∪ odot ⊙ { { } } | ‖ % %");

    private static readonly Dictionary<string, string> Accents = Table("hat ^ bar ¯ tilde ~ vec → overline ¯");

    private static readonly HashSet<string> Functions = ["log", "exp", "min", "max", "var", "mean", "lim", "sin", "cos", "tanh"];

    private readonly string tex;
    private int at;

    private MathMarkup(string tex) => this.tex = tex;

    /// <summary>A formula as HTML: MathML, or the TeX itself where it holds something unknown.</summary>
    public static string ToHtml(string tex, bool block)
    {
        string display = block ? "block" : "inline";
        try
        {
            var parser = new MathMarkup(tex);
            string content = parser.Row(end: '\0');
            return $"<math display=\"{display}\" aria-label=\"{Html.Escape(tex.Trim())}\">{content}</math>";
        }
        catch (FormatException)
        {
            return block ? $"<pre class=\"math\">{Html.Escape(tex)}</pre>" : $"<code class=\"math\">{Html.Escape(tex)}</code>";
        }
    }

    private string Row(char end)
    {
        var row = new StringBuilder("<mrow>");
        while (true)
        {
            SkipSpace();
            if (at == tex.Length)
            {
                if (end != '\0') throw new FormatException();
                break;
            }

            if (tex[at] == end)
            {
                at++;
                break;
            }

            row.Append(WithIndices(Atom()));
        }

        return row.Append("</mrow>").ToString();
    }

    private string WithIndices(string element)
    {
        string? below = null;
        string? above = null;
        while (true)
        {
            SkipSpace();
            char c = at < tex.Length ? tex[at] : '\0';
            if (c is not ('_' or '^')) break;
            at++;
            SkipSpace();
            if (c == '_') below = Atom();
            else above = Atom();
        }

        bool stacked = element is "<mo>∑</mo>" or "<mo>∏</mo>";
        return (below, above, stacked) switch
        {
            (null, null, _) => element,
            (_, null, false) => $"<msub>{element}{below}</msub>",
            (null, _, false) => $"<msup>{element}{above}</msup>",
            (_, _, false) => $"<msubsup>{element}{below}{above}</msubsup>",
            (_, null, true) => $"<munder>{element}{below}</munder>",
            (null, _, true) => $"<mover>{element}{above}</mover>",
            _ => $"<munderover>{element}{below}{above}</munderover>",
        };
    }

    private string Atom()
    {
        if (at == tex.Length) throw new FormatException();
        char c = tex[at++];
        if (c == '{') return Row('}');
        if (c == '\\') return Command();
        if (char.IsAsciiDigit(c))
        {
            int start = at - 1;
            while (at < tex.Length && (char.IsAsciiDigit(tex[at]) || (tex[at] == '.' && at + 1 < tex.Length && char.IsAsciiDigit(tex[at + 1])))) at++;
            return $"<mn>{tex[start..at]}</mn>";
        }

        if (char.IsLetter(c)) return $"<mi>{c}</mi>";
        if (c is '}' or '&' or '_' or '^') throw new FormatException();
        return $"<mo>{(c == '-' ? "−" : Html.Escape(c.ToString()))}</mo>";
    }

    private string Command()
    {
        int start = at;
        while (at < tex.Length && char.IsAsciiLetter(tex[at])) at++;
        if (at == start && at < tex.Length) at++;
        string name = tex[start..at];
        if (Names.TryGetValue(name, out string? letter)) return $"<mi>{letter}</mi>";
        if (Operators.TryGetValue(name, out string? sign)) return $"<mo>{Html.Escape(sign)}</mo>";
        if (Functions.Contains(name)) return $"<mi>{name}</mi><mo>&#8289;</mo>";
        if (Accents.TryGetValue(name, out string? accent)) return $"<mover accent=\"true\">{Argument()}<mo stretchy=\"false\">{accent}</mo></mover>";
        return name switch
        {
            "frac" or "tfrac" or "dfrac" => $"<mfrac>{Argument()}{Argument()}</mfrac>",
            "sqrt" => $"<msqrt>{Argument()}</msqrt>",
            "text" or "mathrm" or "operatorname" or "textrm" or "mathit" or "texttt" or "mathtt" => $"<mtext>{Html.Escape(RawArgument())}</mtext>",
            "mathbf" or "mathcal" or "boldsymbol" => Argument(),
            "left" or "right" => Delimiter(),
            "," or ";" or ":" or " " or "!" => "<mspace width=\"0.2em\"></mspace>",
            "quad" or "qquad" => "<mspace width=\"1.5em\"></mspace>",
            _ => throw new FormatException(),
        };
    }

    private string Argument()
    {
        SkipSpace();
        return Atom();
    }

    private string RawArgument()
    {
        SkipSpace();
        int end = at < tex.Length && tex[at] == '{' ? tex.IndexOf('}', at) : -1;
        if (end < 0) throw new FormatException();
        string text = tex[(at + 1)..end].Replace("\\_", "_");
        at = end + 1;
        return text;
    }

    private string Delimiter()
    {
        SkipSpace();
        if (at < tex.Length && tex[at] == '.')
        {
            at++;
            return "";
        }

        return Atom();
    }

    private void SkipSpace()
    {
        while (at < tex.Length && char.IsWhiteSpace(tex[at])) at++;
    }

    /// <summary>Names and signs in turn, separated by blanks.</summary>
    private static Dictionary<string, string> Table(string text) => text.Split(' ').Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);
}
