using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

/// <summary>Loading the library changes nothing in the process; its first use does, unless it is told not to.</summary>
public class NothingOnLoadTests
{
    public static TheoryData<string> Assemblies => [typeof(TorchRuntime).Assembly.Location, typeof(Charts).Assembly.Location];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void There_is_no_module_initializer(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        MetadataReader metadata = file.GetMetadataReader();
        // The first type holds what belongs to the module itself; its static constructor is the initializer.
        TypeDefinition module = metadata.GetTypeDefinition(MetadataTokens.TypeDefinitionHandle(1));
        Assert.Equal("<Module>", metadata.GetString(module.Name));
        Assert.DoesNotContain(".cctor", module.GetMethods().Select(m => metadata.GetString(metadata.GetMethodDefinition(m).Name)));
    }

    /// <summary>A second copy of the library over the same libtorch, as in a fresh process.</summary>
    [Theory]
    [InlineData(true, QuietLogging.ErrorLevel)]
    [InlineData(false, 1)]
    public void The_first_use_quiets_libtorch_unless_it_is_told_not_to(bool tune, int expected)
    {
        nint level = NativeLibrary.GetExport(NativeLibrary.Load(QuietLogging.LibraryPath), "FLAGS_caffe2_log_level");
        try
        {
            Marshal.WriteInt32(level, 1);
            var context = new AssemblyLoadContext("a second copy");
            context.Resolving += (_, name) => AssemblyLoadContext.Default.LoadFromAssemblyName(name);
            Type runtime = context.LoadFromAssemblyPath(typeof(TorchRuntime).Assembly.Location).GetType(typeof(TorchRuntime).FullName!)!;
            Assert.NotSame(typeof(TorchRuntime), runtime);
            runtime.GetProperty(nameof(TorchRuntime.TuneProcess))!.SetValue(null, tune);
            Assert.Equal(1, Marshal.ReadInt32(level));
            runtime.GetMethod(nameof(TorchRuntime.Seed))!.Invoke(null, [1L]);
            Assert.Equal(expected, Marshal.ReadInt32(level));
        }
        finally
        {
            Marshal.WriteInt32(level, QuietLogging.ErrorLevel);
        }
    }
}
